"""Exports: what the record holds, as files for people, programs and auditors, in a bundle that proves itself."""
