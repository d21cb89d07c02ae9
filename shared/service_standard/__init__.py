"""The published service standard as data: steps, limits with units, channels, contacts. Pure.

standard.py         Standard (one SK), Standards (all versions; a case keeps the one it began under)
published_parts.py  what an SK consists of, each part typed and checked
sk-*.toml           one file per SK; the public page and every deadline come from here
agencies.py         the register of agencies (agencies.csv), edited by the deployer
"""
