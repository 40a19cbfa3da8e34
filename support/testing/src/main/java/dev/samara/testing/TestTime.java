// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

/**
 * The record of one run of a test class.
 *
 * @param name the class
 * @param millis the CPU time of the test JVM and of its child processes for this class, in milliseconds
 * @param tests the number of tests that ran, not counting skipped tests
 */
record TestTime(String name, TestKind kind, long millis, long tests) {
    /** The suffix of the names of files with such records. */
    static final String SUFFIX = ".times";

    /** Parses a line that {@link #toString} returned. */
    static TestTime parse(String line) {
        String[] fields = line.split(" ", -1);
        if (fields.length != 4) {
            throw new IllegalArgumentException("not a class, its kind, its milliseconds and its tests: " + line);
        }
        return new TestTime(
                fields[0], TestKind.valueOf(fields[1]), Long.parseLong(fields[2]), Long.parseLong(fields[3]));
    }

    @Override
    public String toString() {
        return name + ' ' + kind + ' ' + millis + ' ' + tests;
    }
}
