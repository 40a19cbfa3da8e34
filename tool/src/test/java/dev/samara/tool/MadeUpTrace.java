// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A small trace in which only a program page and a stack are mapped, and then the calls of a test. */
public final class MadeUpTrace {
    /** The highest page that is placed without being asked for. */
    public static final long TOP = 0x7ffff7ffe000L;

    private final List<String> header = new ArrayList<>(List.of(
            "vmtrace 1",
            "program made-up",
            "mm 1",
            "origin exec parent-mm=0",
            "exe /bin/made-up",
            "argv made-up \\ two\\040words",
            "kernel Linux 6.18.44 x86_64",
            "page-size 4096",
            "rlimit STACK 0x800000",
            "rlimit AS 0xffffffffffffffff",
            "rlimit DATA 0xffffffffffffffff",
            "rlimit MEMLOCK 0x800000",
            "start-brk 0x555555694000",
            "brk 0x555555694000",
            "start-stack 0x7fffffffe720",
            "tid 1"));

    private final List<String> maps = new ArrayList<>(List.of(
            "00400000-00401000 r-xp 00000000 fe:00 7                                  /bin/made-up",
            "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]"));

    private final List<String> flags = new ArrayList<>(
            List.of("400000-401000 rd ex mr mw me ", "7ffffffde000-7ffffffff000 rd wr mr mw me gd ac "));

    private final List<String> body = new ArrayList<>();

    /** Replaces a line of the header. */
    public MadeUpTrace header(String key, String value) {
        header.set(Recordings.indexOf(header, 0, key + " "), key + " " + value);
        return this;
    }

    /** Adds a mapping below the stack, as maps and flags show it, to every snapshot from here on. */
    public MadeUpTrace shows(String mapsLine, String flagNames) {
        maps.add(maps.size() - 1, mapsLine);
        flags.add(flags.size() - 1, mapsLine.substring(0, mapsLine.indexOf(' ')) + " " + flagNames);
        return this;
    }

    /** Takes the lines that start so out of every snapshot from here on. */
    public MadeUpTrace hides(String start) {
        maps.removeIf(line -> line.startsWith(start));
        flags.removeIf(line -> line.startsWith(start));
        return this;
    }

    /** Lets the stack begin elsewhere in every snapshot from here on. */
    public MadeUpTrace stackFrom(String start) {
        maps.set(maps.size() - 1, start + maps.get(maps.size() - 1).substring(start.length()));
        flags.set(flags.size() - 1, start + flags.get(flags.size() - 1).substring(start.length()));
        return this;
    }

    /** Adds a snapshot. */
    public MadeUpTrace snapshot(int sequence, String reason) {
        body.add("maps-begin " + sequence + " " + reason);
        body.addAll(maps);
        body.add("maps-end");
        if (!reason.equals("periodic")) {
            body.add("flags-begin " + sequence);
            body.addAll(flags);
            body.add("flags-end");
        }
        return this;
    }

    /** Adds lines as they are; in front of the first ones, the first snapshot. */
    public MadeUpTrace lines(String... lines) {
        begin();
        body.addAll(List.of(lines));
        return this;
    }

    /** Writes header and body, which has at least a first snapshot and an end. */
    public Path write(Path file) throws IOException {
        begin();
        List<String> all = new ArrayList<>(header);
        all.addAll(body);
        if (!body.get(body.size() - 1).startsWith("end ")) {
            all.add("end exit");
        }
        return Recordings.write(file, all);
    }

    private void begin() {
        if (body.isEmpty()) {
            snapshot(0, "exec");
        }
    }
}
