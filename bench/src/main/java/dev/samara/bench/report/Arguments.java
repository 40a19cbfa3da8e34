// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.report;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** A command line of pairs: {@code --name value}. All that is wrong with it is a {@link UsageException}. */
public final class Arguments {
    private final Map<String, String> given = new HashMap<>();
    private final Set<String> known = new TreeSet<>();

    /**
     * Takes a command line apart.
     *
     * @param words its words
     */
    public Arguments(String[] words) {
        if (words.length % 2 != 0) {
            throw new UsageException("each option needs a value: " + String.join(" ", words));
        }
        for (int i = 0; i < words.length; i += 2) {
            given.put(words[i], words[i + 1]);
        }
    }

    /**
     * An option that may be anything.
     *
     * @param name its name
     * @param otherwise what it is if it is not given
     * @return its value
     */
    public String text(String name, String otherwise) {
        known.add(name);
        return given.getOrDefault(name, otherwise);
    }

    /**
     * An option that is a number above nought.
     *
     * @param name its name
     * @param otherwise what it is if it is not given
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
            // Said below, as of a number that is out of bounds.
        }
        throw new UsageException(name + " must be a number above 0, not " + text);
    }

    /**
     * An option that is a whole number.
     *
     * @param name its name
     * @param least what it may be at least
     * @param otherwise what it is if it is not given
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
            // Said below, as of a number that is out of bounds.
        }
        throw new UsageException(name + " must be a whole number from " + least + " up, not " + text);
    }

    /**
     * An option that is several whole numbers above nought, with commas between.
     *
     * @param name its name
     * @param otherwise what it is if it is not given
     * @return its values
     */
    public int[] counts(String name, String otherwise) {
        return Arrays.stream(text(name, otherwise).split(",", -1))
                .mapToInt(text -> count(name, 1, text))
                .toArray();
    }

    /**
     * An option that is several of what there are, with commas between.
     *
     * @param name its name
     * @param otherwise what it is if it is not given
     * @param choice what there are
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

    /** Refuses what nobody has asked for; called when everything has been. */
    public void check() {
        for (String name : given.keySet()) {
            if (!known.contains(name)) {
                throw new UsageException("no option " + name + "; there are " + String.join(" ", known));
            }
        }
    }
}
