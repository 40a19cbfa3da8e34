// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux;

import dev.samara.examples.riscv.cpu.Hart;
import dev.samara.examples.riscv.elf.LoadedProgram;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** {@code execve}. */
final class ExecCalls {
    private static final int MOST_STRINGS = 8192;
    private static final int MOST_STRING = 128 << 10;
    private static final int EMPTY_PATH = 0x1000;

    private final GuestThread thread;
    private final CallMemory memory;

    ExecCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    /** Returns an error, or what the first register of the new program is. */
    long execute(long folder, long pathAddress, long argumentsAddress, long environmentAddress, long flags) {
        List<String> arguments = new ArrayList<>();
        List<String> environment = new ArrayList<>();
        if (!getStrings(argumentsAddress, arguments) || !getStrings(environmentAddress, environment)) {
            return LinuxErrno.E2BIG;
        }
        GuestRoot.ResolvedPath place =
                (flags & EMPTY_PATH) != 0 ? ofDescriptor(folder) : new FileCalls(thread).program(folder, pathAddress);
        if (place.error() != 0) {
            return place.error();
        }
        Path host = place.host();
        if (host == null || !Files.exists(host)) {
            return LinuxErrno.ENOENT;
        }
        if (!Files.isRegularFile(host) || !Files.isExecutable(host)) {
            return LinuxErrno.EACCES;
        }
        if (arguments.isEmpty()) {
            arguments.add("");
        }
        return become(new ProgramStart(place.guest(), host, arguments, environment));
    }

    private GuestRoot.ResolvedPath ofDescriptor(long descriptor) {
        GuestFile file = thread.process().files().get((int) descriptor);
        return file == null
                ? new GuestRoot.ResolvedPath("", null, LinuxErrno.EBADF)
                : thread.process().emulation().root().resolve("/", file.path(), true);
    }

    private long become(ProgramStart start) {
        GuestProcess process = thread.process();
        LoadedProgram program;
        ProgramStart actual;
        try {
            actual = start.withInterpreter(process.emulation().root());
            program = process.emulation().load(actual, process.limits());
        } catch (ProgramStart.LoadException e) {
            return e.error();
        }
        if (!process.endOthers(thread)) {
            program.space().close();
            return 0;
        }
        ProcessMemory old = process.memory();
        thread.cpu().switchTo(program.space());
        thread.blocks().clear();
        process.become(ProcessMemory.of(program), actual.names());
        old.close();
        process.files().exec();
        thread.begin(program);
        return thread.hart().x[Hart.A0];
    }

    private boolean getStrings(long vector, List<String> strings) {
        if (vector == 0) {
            return true;
        }
        long at = vector;
        for (long address = memory.getLong(at); address != 0; address = memory.getLong(at)) {
            String text = memory.string(address, MOST_STRING);
            if (strings.size() == MOST_STRINGS || text.endsWith("\0")) {
                return false;
            }
            strings.add(text);
            at += Long.BYTES;
        }
        return true;
    }
}
