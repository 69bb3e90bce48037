"""What walks over a whole capture: conversion, export, import, bodies as files. For window and command line."""
