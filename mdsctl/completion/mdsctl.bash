# Completes mdsctl in bash: `mdsctl complete` knows what may follow.

_mdsctl()
{
    local cur words cword first=1 line value
    local -a lines

    _get_comp_words_by_ref -n =: cur words cword

    mapfile -t lines < <("${words[0]}" complete -- "${words[@]:1:cword}" 2> /dev/null)

    COMPREPLY=()
    for line in "${lines[@]}"; do
        if ((first)); then
            first=0
            if [[ $line == :fo* || $line == :fi* ]]; then
                cur=${cur#--*=}
            fi
            case $line in
                :files) _filedir; return ;;
                :folders) _filedir -d; return ;;
                :open) compopt -o nospace ;;
            esac
            continue
        fi
        COMPREPLY+=("${line%%$'\t'*}")
    done

    # readline takes the part after "=" or ":" for the word.
    if [[ $cur == *[=:]* ]]; then
        value=${cur%"${cur##*[=:]}"}
        COMPREPLY=("${COMPREPLY[@]#"$value"}")
    fi
}

complete -F _mdsctl mdsctl
