"""Whether a proposal is carried out: guards in a fixed order, the first that objects decides."""
