// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.report;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.TreeMap;

/**
 * A command line: pairs {@code --name value}, or only {@code --help}. Each error in it throws a {@link UsageException}.
 */
public final class Arguments {
    /** The word that requests help, in each command line of the suite. */
    public static final String HELP = "--help";

    private final boolean isHelp;
    private final Map<String, String> given = new HashMap<>();

    /** The options that the program accepts, with their default values. */
    private final Map<String, String> known = new TreeMap<>();

    /** Thrown if the command line requests help; the program then measures nothing. The message lists the options. */
    public static final class HelpRequested extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private HelpRequested(String options) {
            super(options, null, false, false);
        }
    }

    /**
     * Parses a command line.
     *
     * @param words its words
     */
    public Arguments(String[] words) {
        isHelp = List.of(words).contains(HELP);
        if (isHelp) {
            return;
        }
        if (words.length % 2 != 0) {
            throw new UsageException("each option needs a value: " + String.join(" ", words));
        }
        for (int i = 0; i < words.length; i += 2) {
            given.put(words[i], words[i + 1]);
        }
    }

    /**
     * Returns an option whose value may be any text.
     *
     * @param name its name
     * @param otherwise the default value
     * @return its value
     */
    public String text(String name, String otherwise) {
        known.put(name, otherwise);
        return given.getOrDefault(name, otherwise);
    }

    /**
     * Returns an option that is a positive number.
     *
     * @param name its name
     * @param otherwise the default value
     * @return its value
     */
    public double number(String name, double otherwise) {
        String text = text(name, Double.toString(otherwise));
        try {
            double number = Double.parseDouble(text);
            if (number > 0 && number < Double.POSITIVE_INFINITY) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Rejected below, like a number that is out of bounds.
        }
        throw new UsageException(name + " must be a number above 0, not " + text);
    }

    /**
     * Returns an option that is a whole number.
     *
     * @param name its name
     * @param least the minimum value
     * @param otherwise the default value
     * @return its value
     */
    public int count(String name, int least, int otherwise) {
        return count(name, least, text(name, Integer.toString(otherwise)));
    }

    private static int count(String name, int least, String text) {
        try {
            int count = Integer.parseInt(text);
            if (count >= least) {
                return count;
            }
        } catch (NumberFormatException e) {
            // Rejected below, like a number that is out of bounds.
        }
        throw new UsageException(name + " must be a whole number from " + least + " up, not " + text);
    }

    /**
     * Returns an option that is one or more positive whole numbers, separated by commas.
     *
     * @param name its name
     * @param otherwise the default value
     * @return its values
     */
    public int[] counts(String name, String otherwise) {
        return Arrays.stream(text(name, otherwise).split(",", -1))
                .mapToInt(text -> count(name, 1, text))
                .toArray();
    }

    /**
     * Returns an option that is a selection from a list, separated by commas.
     *
     * @param name its name
     * @param otherwise the default value
     * @param choice the list
     * @return its values
     */
    public List<String> list(String name, List<String> otherwise, List<String> choice) {
        List<String> list = List.of(text(name, String.join(",", otherwise)).split(",", -1));
        for (String one : list) {
            if (!choice.contains(one)) {
                throw new UsageException(name + ": there is no " + one + "; there are " + String.join(", ", choice));
            }
        }
        return list;
    }

    /**
     * Rejects options that the program did not request. Must be called after all requests.
     *
     * @throws HelpRequested if the command line requests help
     */
    public void check() {
        if (isHelp) {
            StringJoiner options = new StringJoiner("\n");
            known.forEach((name, value) ->
                    options.add(String.format("  %-14s %s", name, value).stripTrailing()));
            throw new HelpRequested(options.toString());
        }
        for (String name : given.keySet()) {
            if (!known.containsKey(name)) {
                throw new UsageException("no option " + name + "; there are " + String.join(" ", known.keySet()));
            }
        }
    }
}
