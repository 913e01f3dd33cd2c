"""Astuto's dialect. docs/contracts/astuto.md"""
