// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.record;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** What the check of one recording found, gathered while it runs. For one thread. */
public final class FileReport {
    private final Path file;
    private final List<Difference> differences = new ArrayList<>();
    private long operations;

    /**
     * Starts with nothing found.
     *
     * @param file the recording
     */
    public FileReport(Path file) {
        this.file = file;
    }

    /**
     * Notes a difference.
     *
     * @param line where, counted from 1
     * @param subject what was compared
     * @param kernel what the recording says
     * @param samara what the library says
     */
    public void differs(int line, String subject, String kernel, String samara) {
        differences.add(new Difference(file, line, subject, kernel, samara));
    }

    /** Notes that one more operation was read and, unless the call is passed over, executed. */
    public void countOperation() {
        operations++;
    }

    /**
     * The recording.
     *
     * @return its path, as it was given
     */
    public Path file() {
        return file;
    }

    /**
     * Whether library and recording agree.
     *
     * @return true if no difference was noted
     */
    public boolean passed() {
        return differences.isEmpty();
    }

    /**
     * The differences.
     *
     * @return all of them, in the order of the recording
     */
    public List<Difference> differences() {
        return Collections.unmodifiableList(differences);
    }

    /**
     * How many operations there were.
     *
     * @return the number
     */
    public long operations() {
        return operations;
    }
}
