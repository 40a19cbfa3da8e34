// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * A step, i.e. one line of a script, such as {@code pwrite slot=0 offset=4096 length=17 seed=3}.
 *
 * @param verb the action
 * @param arguments the arguments, in the order of the verb's kinds
 */
record Step(Verb verb, List<Long> arguments) {
    Step {
        if (arguments.size() != verb.kinds().size()) {
            throw new IllegalArgumentException(verb.word() + " takes " + verb.kinds() + ", not " + arguments);
        }
        arguments = List.copyOf(arguments);
    }

    static Step of(Verb verb, long... arguments) {
        List<Long> all = new ArrayList<>();
        for (long argument : arguments) {
            all.add(argument);
        }
        return new Step(verb, all);
    }

    /** Parses the text form. */
    static Step parse(String line) {
        String[] words = line.trim().split(" +", -1);
        Verb verb = Verb.valueOf(words[0].toUpperCase(Locale.ROOT));
        List<Long> arguments = new ArrayList<>();
        for (int i = 1; i < words.length; i++) {
            String[] parts = words[i].split("=", -1);
            if (!parts[0].equals(verb.kinds().get(i - 1).word())) {
                throw new IllegalArgumentException(line + ": " + words[i] + " is not the "
                        + verb.kinds().get(i - 1).word());
            }
            arguments.add(Long.parseLong(parts[1]));
        }
        return new Step(verb, arguments);
    }

    /** Parses a script with one step per line. */
    static List<Step> parseAll(List<String> lines) {
        return lines.stream().map(Step::parse).collect(Collectors.toList());
    }

    boolean has(Kind kind) {
        return verb.kinds().contains(kind);
    }

    /** Returns an argument. */
    long get(Kind kind) {
        return arguments.get(verb.kinds().indexOf(kind));
    }

    int number(Kind kind) {
        return (int) get(kind);
    }

    /** Returns steps in which one argument is simpler. */
    List<Step> simpler() {
        List<Step> simpler = new ArrayList<>();
        for (int i = 0; i < arguments.size(); i++) {
            for (long value : verb.kinds().get(i).simpler(arguments.get(i))) {
                simpler.add(with(i, value));
            }
        }
        return simpler;
    }

    Step with(int index, long value) {
        List<Long> changed = new ArrayList<>(arguments);
        changed.set(index, value);
        return new Step(verb, changed);
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder(verb.word());
        for (int i = 0; i < arguments.size(); i++) {
            text.append(' ').append(verb.kinds().get(i).word()).append('=').append(arguments.get(i));
        }
        return text.toString();
    }
}
