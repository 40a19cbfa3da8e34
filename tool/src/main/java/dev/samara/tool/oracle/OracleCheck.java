// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.oracle;

import dev.samara.tool.access.CpuPlan;
import dev.samara.tool.record.FileReport;
import dev.samara.tool.record.InputException;
import dev.samara.tool.record.Notation;
import dev.samara.tool.record.RecordedLines;
import java.nio.file.Path;

/**
 * Executes the operations of one oracle file, and compares each result, each list of VMAs and each list of contents.
 */
public final class OracleCheck {
    private static final String END = "end";
    private static final String END_OF_FORK = "endfork ";

    private final RecordedLines lines;
    private final FileReport report;
    private final ProcessCheck first;
    private final Notation notation;

    private OracleCheck(RecordedLines lines, FileReport report, OracleHeader header, CpuPlan cpus) {
        this.lines = lines;
        this.report = report;
        notation = Notation.arena(header.base(), header.length());
        first = new ProcessCheck(lines, report, notation, new Arena(header, cpus), "");
    }

    /**
     * Checks a file.
     *
     * @param file the file
     * @param cpus the CPUs that access memory
     * @return the findings
     * @throws InputException if the file cannot be read or is malformed
     */
    public static FileReport check(Path file, CpuPlan cpus) throws InputException {
        FileReport report = new FileReport(file);
        try (RecordedLines lines = RecordedLines.open(file)) {
            OracleCheck check = new OracleCheck(lines, report, OracleHeader.parse(lines), cpus);
            try {
                check.run();
            } finally {
                check.first.close();
            }
        }
        return report;
    }

    private void run() throws InputException {
        String line = lines.require("its 'end' line");
        while (!line.equals(END)) {
            if (isFork(line)) {
                fork(line);
            } else if (line.startsWith("op ")) {
                first.operation(line, line.split(" ", -1), 2);
            } else if (!first.compare(line, "")) {
                throw lines.fault("'" + line + "' is no line of an oracle file");
            }
            line = lines.require("its 'end' line");
        }
        if (lines.next() != null) {
            throw lines.fault("there is more after the end");
        }
    }

    private static boolean isFork(String line) {
        return line.startsWith("op ") && line.endsWith(" fork");
    }

    /** Checks the operations of one child, and the concurrent operations of its parent. */
    private void fork(String fork) throws InputException {
        report.countOperation();
        first.note(fork);
        try (ProcessCheck child =
                new ProcessCheck(lines, report, notation, first.arena().fork(), "child's ")) {
            child.note(fork);
            String line = lines.require("its 'endfork' line");
            while (!line.startsWith(END_OF_FORK)) {
                if (line.startsWith("C ")) {
                    child.operation(line, line.split(" ", -1), 1);
                } else if (line.startsWith("P ")) {
                    first.operation(line, line.split(" ", -1), 1);
                } else if (!child.compare(line, "c")) {
                    throw lines.fault("'" + line + "' is no line of a fork");
                }
                line = lines.require("its 'endfork' line");
            }
        }
    }
}
