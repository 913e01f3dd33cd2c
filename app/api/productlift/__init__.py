"""ProductLift's dialect. docs/contracts/productlift.md"""
