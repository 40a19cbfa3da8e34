// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.tool.record.FileReport;
import java.nio.file.Path;

/** Receives the findings of a run, one file at a time. */
interface ReportOutput {
    /** Called after a file was checked. */
    void checked(FileReport report);

    /**
     * Called for a file that could not be read. The complaint contains the file and the line; the caller also prints it
     * on standard error.
     */
    void unreadable(Path file, String complaint);

    /**
     * Called if the check of a file has ended with an exception. The complaint contains the file and the exception; the
     * caller also prints it on standard error.
     */
    void broken(Path file, String complaint);

    /** Called after all files. */
    void ends(Summary summary);
}
