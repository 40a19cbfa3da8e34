// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.oracle;

import dev.samara.examples.record.CallParser;
import dev.samara.examples.record.Fields;
import dev.samara.examples.record.FileReport;
import dev.samara.examples.record.InputException;
import dev.samara.examples.record.MemoryCall;
import dev.samara.examples.record.MemoryCall.Direct;
import dev.samara.examples.record.MemoryCall.Mmap;
import dev.samara.examples.record.MemoryCall.Mremap;
import dev.samara.examples.record.Notation;
import dev.samara.examples.record.Outcome;
import dev.samara.examples.record.RecordedLines;
import java.nio.file.Path;
import java.util.List;

/** Makes the operations of one oracle file and compares each result and each list of VMAs. */
public final class OracleCheck {
    private static final String LAYOUTS_ONLY = "vma";
    private static final int NAME = 2;

    private final RecordedLines lines;
    private final FileReport report;
    private final Notation notation;
    private final Arena arena;

    private List<String> kernelVmas = List.of();
    private String lastOperation = "the start";

    private OracleCheck(RecordedLines lines, FileReport report, OracleHeader header) {
        this.lines = lines;
        this.report = report;
        notation = Notation.arena(header.base(), header.length());
        arena = new Arena(header);
    }

    /**
     * Checks a file.
     *
     * @param file which
     * @return what was found
     * @throws InputException if it cannot be read or is malformed
     */
    public static FileReport check(Path file) throws InputException {
        FileReport report = new FileReport(file);
        try (RecordedLines lines = RecordedLines.open(file)) {
            OracleHeader header = OracleHeader.parse(lines);
            if (header.mode().equals(LAYOUTS_ONLY)) {
                new OracleCheck(lines, report, header).run();
            } else {
                report.differs(
                        header.modeLine(), "mode " + header.mode(), "needs memory contents", "checks layouts only");
            }
        }
        return report;
    }

    private void run() throws InputException {
        String line = lines.require("its 'end' line");
        while (!line.equals("end")) {
            if (line.startsWith("op ")) {
                operation(line);
            } else if (line.equals("v") || line.startsWith("v ")) {
                compare(line);
            } else {
                throw lines.fault("'" + line + "' is no line of mode " + LAYOUTS_ONLY);
            }
            line = lines.require("its 'end' line");
        }
        if (lines.next() != null) {
            throw lines.fault("there is more after the end");
        }
    }

    private void operation(String line) throws InputException {
        Fields fields = Fields.ofCall(lines, notation, line.split(" ", -1), NAME);
        MemoryCall call = CallParser.parse(fields);
        Outcome outcome = fields.outcome();
        long result;
        if (call instanceof Mmap mmap) {
            result = arena.perform(mmap);
            if (Arena.makesSharedObject(mmap) && !outcome.failed()) {
                arena.numberSharedObject(result);
            }
        } else if (call instanceof Mremap mremap) {
            result = arena.perform(mremap);
        } else if (call instanceof Direct direct) {
            result = arena.perform(direct);
        } else {
            throw lines.fault("there is no " + fields.name() + " in an arena");
        }
        report.countOperation();
        lastOperation = line.substring(0, line.lastIndexOf(" = "));
        if (!outcome.matches(result)) {
            String text = Outcome.format(result, call.returnsAddress(), notation);
            report.differs(lines.number(), lastOperation, outcome.text(), text);
        }
    }

    private void compare(String line) {
        if (!line.equals("v =")) {
            String list = line.substring(1).strip();
            kernelVmas = list.isEmpty() ? List.of() : List.of(list.split(" ", -1));
        }
        List<String> ours = arena.vmas();
        if (!ours.equals(kernelVmas)) {
            differs(ours);
        }
    }

    /** Reports the part of the lists that lies between their common beginning and their common end. */
    private void differs(List<String> ours) {
        int shorter = Math.min(ours.size(), kernelVmas.size());
        int head = 0;
        while (head < shorter && ours.get(head).equals(kernelVmas.get(head))) {
            head++;
        }
        int tail = 0;
        while (tail < shorter - head
                && ours.get(ours.size() - 1 - tail).equals(kernelVmas.get(kernelVmas.size() - 1 - tail))) {
            tail++;
        }
        report.differs(
                lines.number(),
                "VMAs after '" + lastOperation + "'",
                middle(kernelVmas, head, tail),
                middle(ours, head, tail));
    }

    private static String middle(List<String> vmas, int head, int tail) {
        List<String> middle = vmas.subList(head, vmas.size() - tail);
        return middle.isEmpty() ? "nothing" : String.join(" ", middle);
    }
}
