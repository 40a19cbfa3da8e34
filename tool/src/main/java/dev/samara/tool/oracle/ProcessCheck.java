// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.oracle;

import dev.samara.core.backing.MemoryFile;
import dev.samara.core.mman.Fault;
import dev.samara.tool.record.CallParser;
import dev.samara.tool.record.Fields;
import dev.samara.tool.record.FileReport;
import dev.samara.tool.record.InputException;
import dev.samara.tool.record.MemoryCall;
import dev.samara.tool.record.MemoryCall.Direct;
import dev.samara.tool.record.MemoryCall.Mmap;
import dev.samara.tool.record.MemoryCall.Mremap;
import dev.samara.tool.record.Notation;
import dev.samara.tool.record.Outcome;
import dev.samara.tool.record.RecordedLines;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/** One process of an oracle file: executes its operations, and compares their results. */
final class ProcessCheck implements AutoCloseable {
    private static final String AS_BEFORE = "=";
    private static final Pattern BYTE = Pattern.compile("[0-9a-f]{1,2}");

    private final RecordedLines lines;
    private final FileReport report;
    private final Notation notation;
    private final Arena arena;
    private final String whose;

    private List<String> kernelVmas = List.of();
    private List<String> kernelContents = List.of();
    private String lastOperation = "the start";

    ProcessCheck(RecordedLines lines, FileReport report, Notation notation, Arena arena, String whose) {
        this.lines = lines;
        this.report = report;
        this.notation = notation;
        this.arena = arena;
        this.whose = whose;
    }

    Arena arena() {
        return arena;
    }

    /** Records the last operation. */
    void note(String operation) {
        lastOperation = operation;
    }

    @Override
    public void close() {
        arena.close();
    }

    /** Executes an operation, and compares its result. */
    void operation(String line, String[] words, int name) throws InputException {
        report.countOperation();
        int equals = line.lastIndexOf(" = ");
        if (equals < 0 || words.length <= name) {
            throw lines.fault("the call has no result");
        }
        lastOperation = line.substring(0, equals);
        String expected = line.substring(equals + 3);
        String answer = switch (words[name]) {
            case "rd", "wr" -> touch(line, words, name);
            case "pwrite", "ftruncate" -> changeFile(words, name);
            default -> call(words, name);
        };
        if (!answer.equals(expected)) {
            report.differs(lines.number(), lastOperation, expected, answer);
        }
    }

    private String touch(String line, String[] words, int name) throws InputException {
        // The result is replaced with 0 because, after a fault, it contains the field "addr" a second time.
        String[] untilResult =
                line.substring(0, line.lastIndexOf(" = ")).concat(" = 0").split(" ", -1);
        Fields fields = Fields.ofCall(lines, notation, untilResult, name);
        long address = fields.number("addr");
        int result = words[name].equals("rd") ? arena.read(address) : arena.write(address, value(fields));
        return result >= 0
                ? String.format(Locale.ROOT, "%02x", result)
                : Fault.toString(-result) + " addr=" + notation.address(address);
    }

    private static int value(Fields fields) throws InputException {
        String text = fields.text("val");
        // The number parser would also accept signs, and digits of other scripts.
        if (!BYTE.matcher(text).matches()) {
            throw fields.fault("val='" + text + "' is no byte");
        }
        return Integer.parseInt(text, 16);
    }

    private String changeFile(String[] words, int name) throws InputException {
        Fields fields = Fields.ofCall(lines, notation, words, name);
        MemoryFile file = arena.files().file(fields.text("fd"));
        if (file == null) {
            throw fields.fault("fd=" + fields.text("fd") + " is no file that can be changed");
        }
        long result = words[name].equals("ftruncate")
                ? file.truncate(fields.number("size"))
                : file.pwrite(new byte[] {(byte) value(fields)}, 0, 1, fields.number("off"));
        return Outcome.format(result, false, notation);
    }

    private String call(String[] words, int name) throws InputException {
        Fields fields = Fields.ofCall(lines, notation, words, name);
        MemoryCall call = CallParser.parse(fields);
        long result;
        if (call instanceof Mmap mmap) {
            result = arena.perform(mmap);
            if (Arena.makesSharedObject(mmap) && !fields.outcome().failed()) {
                arena.numberSharedObject(result);
            }
        } else if (call instanceof Mremap mremap) {
            result = arena.perform(mremap);
        } else if (call instanceof Direct direct) {
            result = arena.perform(direct);
        } else {
            throw lines.fault("there is no " + fields.name() + " in an arena");
        }
        // A difference only in notation is not reported.
        return fields.outcome().matches(result)
                ? fields.outcome().text()
                : Outcome.format(result, call.returnsAddress(), notation);
    }

    /**
     * Compares a list of VMAs or of contents.
     *
     * @param prefix the text before the letter of this process's lists
     * @return false if the line is neither
     */
    boolean compare(String line, String prefix) {
        int space = line.indexOf(' ');
        String kind = space < 0 ? line : line.substring(0, space);
        String list = space < 0 ? "" : line.substring(space + 1);
        if (kind.equals(prefix + "v")) {
            kernelVmas = list.equals(AS_BEFORE) ? kernelVmas : parts(list);
            compare("VMAs", kernelVmas, arena.vmas());
        } else if (kind.equals(prefix + "c")) {
            kernelContents = list.equals(AS_BEFORE) ? kernelContents : parts(list);
            compare("contents", kernelContents, arena.contents());
        } else {
            return false;
        }
        return true;
    }

    private static List<String> parts(String list) {
        return list.isEmpty() ? List.of() : List.of(list.split(" ", -1));
    }

    /** Reports the part of two lists between their common start and their common end. */
    private void compare(String what, List<String> kernels, List<String> ours) {
        if (ours.equals(kernels)) {
            return;
        }
        int shorter = Math.min(ours.size(), kernels.size());
        int head = 0;
        while (head < shorter && ours.get(head).equals(kernels.get(head))) {
            head++;
        }
        int tail = 0;
        while (tail < shorter - head
                && ours.get(ours.size() - 1 - tail).equals(kernels.get(kernels.size() - 1 - tail))) {
            tail++;
        }
        report.differs(
                lines.number(),
                whose + what + " after '" + lastOperation + "'",
                middle(kernels, head, tail),
                middle(ours, head, tail));
    }

    private static String middle(List<String> list, int head, int tail) {
        List<String> middle = list.subList(head, list.size() - tail);
        return middle.isEmpty() ? "nothing" : String.join(" ", middle);
    }
}
