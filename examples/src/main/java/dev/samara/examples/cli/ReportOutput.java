// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.cli;

import dev.samara.examples.record.FileReport;
import java.nio.file.Path;

/** Where the findings of a run go, file by file. */
interface ReportOutput {
    /** A file is about to be checked, after {@code done} of {@code all}. */
    void begins(Path file, int done, int all);

    /** A file was checked. */
    void checked(FileReport report);

    /** A file could not be read; the complaint names file and line, and is told on standard error as well. */
    void unreadable(Path file, String complaint);

    /** The check of a file ended in an exception; the complaint names both, and is told on standard error as well. */
    void broken(Path file, String complaint);

    /** All files are done. */
    void ends(Summary summary);
}
