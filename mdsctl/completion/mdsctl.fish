# Completes mdsctl in fish: `mdsctl complete` knows what may follow.

function __mdsctl_complete
    set -l words (commandline -opc)
    set -l last (commandline -ct)
    set -l lines ($words[1] complete -- $words[2..-1] $last 2>/dev/null)

    switch "$lines[1]"
        case :files
            __fish_complete_path $last
        case :folders
            __fish_complete_directories $last
        case :words :open
            printf '%s\n' $lines[2..-1]
    end
end

complete -c mdsctl -f -a '(__mdsctl_complete)'
