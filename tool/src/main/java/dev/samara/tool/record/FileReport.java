// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The findings in one recording, collected during its check. Not thread-safe. */
public final class FileReport {
    private final Path file;
    private final List<Difference> differences = new ArrayList<>();
    private long operations;

    /**
     * Creates an empty report.
     *
     * @param file the recording
     */
    public FileReport(Path file) {
        this.file = file;
    }

    /**
     * Records a difference.
     *
     * @param line the line, counted from 1
     * @param subject the compared item
     * @param kernel the text of the recording
     * @param samara the library's result
     */
    public void differs(int line, String subject, String kernel, String samara) {
        differences.add(new Difference(file, line, subject, kernel, samara));
    }

    /** Counts one operation that was read and, unless its call is skipped, executed. */
    public void countOperation() {
        operations++;
    }

    /**
     * Returns the recording.
     *
     * @return its path, as it was given
     */
    public Path file() {
        return file;
    }

    /**
     * Returns whether the library and the recording agree.
     *
     * @return true if no difference was recorded
     */
    public boolean passed() {
        return differences.isEmpty();
    }

    /**
     * Returns the differences.
     *
     * @return all of them, in the order of the recording
     */
    public List<Difference> differences() {
        return Collections.unmodifiableList(differences);
    }

    /**
     * Returns the number of operations.
     *
     * @return the number
     */
    public long operations() {
        return operations;
    }
}
