# What Tab does in zsh: complete.zsh COMPLETION LINE, the file with the completion and the line as it is typed so far.
# Prints what zsh shows of it, and then `LINE:` and the line that it makes of it. Run by `zsh -f`.
zmodload zsh/zpty
zpty -b shell zsh -f -i
# The marks are in two parts here, so that the shell's echo of these commands has none of them.
zpty -w shell "PS1=; autoload -Uz compinit; compinit -D -u; source ${(q)1}
show() { print -r -- LI''NE:\$BUFFER:END }; zle -N show; bindkey '^T' show; bindkey '^I' complete-word; print REA''DY"
zpty -r shell output '*READY*'
zpty -w -n shell "$2"$'\t\x14'
zpty -r shell output '*:END*'
print -r -- "$output"
