"""Helpers for preparing data: labels, scaling, splitting."""
