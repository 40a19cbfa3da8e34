// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

/**
 * One run of a test class.
 *
 * @param name the class
 * @param millis the processor time of its test JVM and of that one's children, in milliseconds
 * @param tests the number of tests that have run, without those that were skipped
 */
record TestTime(String name, TestKind kind, long millis, long tests) {
    /** The end of the names of files with such lines. */
    static final String SUFFIX = ".times";

    /** Returns what a line says that {@link #toString} made. */
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
