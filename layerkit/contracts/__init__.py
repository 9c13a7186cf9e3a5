"""The contracts: what each kind of component promises, a file each."""
