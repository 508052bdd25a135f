module meshtui.dev/pause

go 1.24.0
