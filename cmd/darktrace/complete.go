package main

import (
	"context"
	"fmt"
	"strings"
)

// completion prints a script that completes verbs and flags in a shell.
func completion(_ context.Context, j *job) error {
	script, ok := map[string]func() string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[j.args[0]]
	if !ok {
		return usage("completion supports bash, zsh and fish, not %q", j.args[0])
	}
	_, err := j.out.w.WriteString(script())
	return err
}

// dashed are flags as they are typed.
func dashed(names []string) string { return "-" + strings.Join(names, " -") }

// valued are the flags that take the next word as their value.
func valued(separator string) string {
	var names []string
	for _, o := range options {
		if o.value != "" {
			names = append(names, "-"+o.name)
		}
	}
	return strings.Join(names, separator)
}

// choices lists formats with blanks between them.
func choices(formats []format) string { return strings.ReplaceAll(join(formats), ",", "") }

func bashCompletion() string {
	var b strings.Builder
	var names []string
	for _, v := range verbs() {
		names = append(names, v.name)
	}
	fmt.Fprintf(&b, `# Completion of darktrace for bash: source <(darktrace completion bash)
_darktrace() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} verb= i words formats="%s"
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		%s) ((i++)) ;;
		-*) ;;
		*) verb=${COMP_WORDS[i]}; break ;;
		esac
	done
	case $verb in
	"") words="%s help %s" ;;
	help) words="%[3]s" ;;
`, choices(formats), valued("|"), strings.Join(names, " "), dashed(everywhere))
	for _, v := range verbs() {
		fmt.Fprintf(&b, "\t%s) words=\"%s\" formats=\"%s\" ;;\n", v.name, strings.TrimSpace(strings.Join(v.words, " ")+" "+dashed(v.allFlags())), choices(v.outputs()))
	}
	fmt.Fprintf(&b, `	esac
	COMPREPLY=()
	case $previous in
	-o) words=$formats ;;
	-file|-checkpoint)
		compopt -o filenames 2>/dev/null
		while IFS= read -r words; do COMPREPLY+=("$words"); done < <(compgen -f -- "$current")
		return ;;
	%s) return ;;
	esac
	COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _darktrace darktrace
`, valued("|"))
	return b.String()
}

func zshCompletion() string {
	var b strings.Builder
	b.WriteString("#compdef darktrace\n# Completion of darktrace for zsh: darktrace completion zsh >\"${fpath[1]}/_darktrace\"\n_darktrace() {\n\tlocal -a verbs everywhere\n\tverbs=(\n")
	for _, v := range verbs() {
		fmt.Fprintf(&b, "\t\t%s\n", quote(v.name+":"+v.help))
	}
	fmt.Fprintf(&b, "\t\t%s\n\t)\n\teverywhere=(\n", quote("help:explain the command or a verb"))
	for _, name := range everywhere {
		fmt.Fprintf(&b, "\t\t%s\n", zshFlag(name, formats))
	}
	b.WriteString("\t)\n\tlocal context state line\n\ttypeset -A opt_args\n\t_arguments -A '-*' -C $everywhere '1:verb:->verb' '*::argument:->arguments'\n" +
		"\tcase $state in\n\tverb) _describe verb verbs ;;\n\targuments)\n\t\tcase $line[1] in\n")
	for _, v := range verbs() {
		fmt.Fprintf(&b, "\t\t%s) _arguments", v.name)
		for _, name := range v.allFlags() {
			b.WriteString(" " + zshFlag(name, v.outputs()))
		}
		if v.words != nil {
			fmt.Fprintf(&b, " '1:what:(%s)'", strings.Join(v.words, " "))
		}
		b.WriteString(" '*:argument: ' ;;\n")
	}
	b.WriteString("\t\thelp) _describe verb verbs ;;\n\t\tesac ;;\n\tesac\n}\n_darktrace \"$@\"\n")
	return b.String()
}

func zshFlag(name string, outputs []format) string {
	o := optionOf(name)
	text := "-" + o.name + "[" + strings.NewReplacer("[", `\[`, "]", `\]`).Replace(o.help) + "]"
	switch {
	case o.name == "o":
		text += ":format:(" + choices(outputs) + ")"
	case o.name == "file" || o.name == "checkpoint":
		text += ":file:_files"
	case o.value != "":
		text += ":" + o.value + ": "
	}
	return quote(text)
}

func fishCompletion() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Completion of darktrace for fish: darktrace completion fish >~/.config/fish/completions/darktrace.fish
function __darktrace_verb_is
	set -l words (commandline -opc)
	set -l verb ''
	set -l i 2
	while test $i -le (count $words)
		switch $words[$i]
			case %s
				set i (math $i + 1)
			case '-*'
			case '*'
				set verb $words[$i]
				break
		end
		set i (math $i + 1)
	end
	test "$verb" = "$argv[1]"
end
complete -c darktrace -f
`, valued(" "))
	complete := func(verb, what string) {
		fmt.Fprintf(&b, "complete -c darktrace -n '__darktrace_verb_is \"%s\"' %s\n", verb, what)
	}
	for _, v := range verbs() {
		complete("", "-a "+v.name+" -d "+quote(v.help))
		complete("help", "-a "+v.name+" -d "+quote(v.help))
		if v.words != nil {
			complete(v.name, "-a '"+strings.Join(v.words, " ")+"'")
		}
		for _, name := range v.allFlags() {
			complete(v.name, fishFlag(name, v.outputs()))
		}
	}
	complete("", "-a help -d 'explain the command or a verb'")
	for _, name := range everywhere {
		complete("", fishFlag(name, formats))
	}
	return b.String()
}

func fishFlag(name string, outputs []format) string {
	o := optionOf(name)
	text := "-o " + o.name + " -d " + quote(o.help)
	switch {
	case o.name == "o":
		text += " -x -a " + quote(choices(outputs))
	case o.name == "file" || o.name == "checkpoint":
		text += " -r -F"
	case o.value != "":
		text += " -x"
	}
	return text
}

// quote quotes a text for a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
