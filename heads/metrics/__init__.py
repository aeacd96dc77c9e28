"""How good a head is: values that may be undefined, each with what it rests on and an interval."""
