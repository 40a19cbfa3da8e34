// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import java.util.ArrayList;
import java.util.List;

/**
 * An operation of a process. Its text is {@code <process> <verb> <argument>...}; an address near the world's is an
 * offset with a sign.
 *
 * @param process the number of the process; the first is 0, and each fork makes the next
 * @param arguments as many as the verb has; a file is its number
 */
record Operation(int process, Verb verb, List<Long> arguments) {
    Operation {
        arguments = List.copyOf(arguments);
        if (arguments.size() != verb.kinds().length()) {
            throw new IllegalArgumentException(verb + " with " + arguments.size() + " arguments");
        }
    }

    static Operation of(int process, Verb verb, Long... arguments) {
        return new Operation(process, verb, List.of(arguments));
    }

    long argument(int index) {
        return arguments.get(index);
    }

    Operation with(int index, long value) {
        List<Long> changed = new ArrayList<>(arguments);
        changed.set(index, value);
        return new Operation(process, verb, changed);
    }

    String text(long base) {
        StringBuilder text = new StringBuilder().append(process).append(' ').append(verb.text());
        for (int i = 0; i < arguments.size(); i++) {
            text.append(' ');
            switch (verb.kinds().charAt(i)) {
                case 'a' -> text.append(Notation.address(arguments.get(i), base));
                case 'f' -> text.append(FileName.of(arguments.get(i)));
                default -> text.append(Notation.number(arguments.get(i)));
            }
        }
        return text.toString();
    }

    static Operation parse(String line, long base) {
        String[] words = line.split(" ", -1);
        Verb verb = Verb.of(words[1]);
        List<Long> arguments = new ArrayList<>();
        for (int i = 2; i < words.length; i++) {
            arguments.add(
                    switch (verb.kinds().charAt(i - 2)) {
                        case 'a' -> Notation.parseAddress(words[i], base);
                        case 'f' -> FileName.valueOf(words[i]).number();
                        default -> Notation.parseNumber(words[i]);
                    });
        }
        return new Operation(Integer.parseInt(words[0]), verb, arguments);
    }
}
