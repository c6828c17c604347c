package parts

// GuardWith is Guard with other limits.
var GuardWith = guard
