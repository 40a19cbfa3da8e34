// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;
import org.opentest4j.AssertionFailedError;
import org.opentest4j.ValueWrapper;

/**
 * Shortens the failure of a comparison of long texts or lists, whose message contains both completely. The test prints
 * the lines that differ, up to {@value #SHOWN} pairs, and the message of the failure only names the first pair: a build
 * prints the output of a failed test once, but its message twice.
 *
 * <p>JUnit finds it as a service.
 */
public final class LongComparison implements TestExecutionExceptionHandler {
    /** The number of lines of both texts together from which on a failure is shortened. */
    private static final int LONG = 40;

    private static final int SHOWN = 20;

    /** Called by JUnit. */
    public LongComparison() {}

    @Override
    public void handleTestExecutionException(ExtensionContext test, Throwable thrown) throws Throwable {
        if (thrown instanceof AssertionFailedError failure
                && failure.isExpectedDefined()
                && failure.isActualDefined()) {
            List<String> expected = lines(failure.getExpected());
            List<String> actual = lines(failure.getActual());
            if (expected.size() + actual.size() >= LONG) {
                throw shortened(failure, expected, actual);
            }
        }
        throw thrown;
    }

    /** Returns the lines of a text, or the elements of a collection or an array. */
    private static List<String> lines(ValueWrapper compared) {
        if (compared.getEphemeralValue() instanceof Iterable<?> elements) {
            List<String> lines = new ArrayList<>();
            elements.forEach(each -> lines.add(String.valueOf(each)));
            return lines;
        }
        return compared.getStringRepresentation().lines().toList();
    }

    private static AssertionFailedError shortened(
            AssertionFailedError failure, List<String> expected, List<String> actual) {
        int longer = Math.max(expected.size(), actual.size());
        // The lines after the last difference, so that a missing line does not shift all lines that follow it.
        int end = 0;
        while (end < Math.min(expected.size(), actual.size())
                && expected.get(expected.size() - 1 - end).equals(actual.get(actual.size() - 1 - end))) {
            end++;
        }
        int differing = 0;
        String first = "";
        for (int i = 0; i < longer - end; i++) {
            String wanted = line(expected, i, end);
            String got = line(actual, i, end);
            if (!wanted.equals(got)) {
                differing++;
                String pair = "line " + (i + 1) + ": expected " + wanted + ", but was " + got;
                first = differing == 1 ? pair : first;
                if (differing <= SHOWN) {
                    System.out.println(pair);
                }
            }
        }
        if (differing > SHOWN) {
            System.out.println("and " + (differing - SHOWN) + " more lines that differ");
        }
        String said = Objects.requireNonNullElse(failure.getMessage(), "");
        int comparison = said.indexOf(" ==> ");
        AssertionFailedError shorter = new AssertionFailedError(
                (comparison < 0 ? "" : said.substring(0, comparison) + " ==> ")
                        + String.format(Locale.ROOT, "%d of %d lines differ, %s", differing, longer, first),
                failure.getExpected(),
                failure.getActual(),
                failure.getCause());
        shorter.setStackTrace(failure.getStackTrace());
        for (Throwable suppressed : failure.getSuppressed()) {
            shorter.addSuppressed(suppressed);
        }
        return shorter;
    }

    /** Returns a line in marks; {@code nothing} in place of a line after the last one that is compared. */
    private static String line(List<String> lines, int at, int end) {
        return at < lines.size() - end ? "<" + lines.get(at) + ">" : "nothing";
    }
}
