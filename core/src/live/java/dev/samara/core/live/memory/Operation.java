// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * An operation of a process. Its text is {@code <process> <verb> <argument>...}; an address near the world is a signed
 * offset from its base.
 *
 * @param process the number of the process; the first one is 0, and each fork creates the next one
 * @param arguments the verb's arguments; a file is represented by its number
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

    /** Returns operations in which one number is simpler. */
    List<Operation> simpler() {
        List<Operation> simpler = new ArrayList<>();
        for (int i = 0; i < arguments.size(); i++) {
            if (verb.kinds().charAt(i) == 'n') {
                for (long number : simpler(arguments.get(i))) {
                    simpler.add(with(i, number));
                }
            }
        }
        return simpler;
    }

    /** Returns unsigned smaller numbers: round numbers, and the number with one bit cleared. */
    private static Set<Long> simpler(long value) {
        Set<Long> simpler = new TreeSet<>(Long::compareUnsigned);
        simpler.addAll(List.of(0L, 1L, 0x1000L, 0x2000L));
        for (long rest = value; rest != 0; rest &= rest - 1) {
            simpler.add(value & ~Long.lowestOneBit(rest));
        }
        simpler.removeIf(each -> Long.compareUnsigned(each, value) >= 0);
        return simpler;
    }

    private Operation with(int index, long value) {
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
