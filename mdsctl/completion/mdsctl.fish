# Completes mdsctl in fish: `mdsctl complete` knows what may follow.

function __mdsctl_complete
    set -l words (commandline -opc)
    set -l last (commandline -ct)
    set -l lines ($words[1] complete -- $words[2..-1] $last 2>/dev/null)

    # A file or a folder in "--key=FILE" begins after the "=".
    set -l option (string match -r '^--[^=]*=' -- $last)
    set -l path (string replace -r '^--[^=]*=' '' -- $last)

    switch "$lines[1]"
        case :files
            printf "$option%s\n" (__fish_complete_path $path)
        case :folders
            printf "$option%s\n" (__fish_complete_directories $path)
        case :words :open
            printf '%s\n' $lines[2..-1]
    end
end

complete -c mdsctl -f -a '(__mdsctl_complete)'
