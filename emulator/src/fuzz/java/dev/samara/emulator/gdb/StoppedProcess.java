// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import dev.samara.core.AddressSpace;
import dev.samara.emulator.linux.debug.DebuggedProcess;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A process that executes nothing: it has memory, one file in {@code /proc} and one file of the host. */
final class StoppedProcess implements DebuggedProcess {
    static final int PID = 100;

    private final AddressSpace space;
    private final Path file;
    private final List<FileChannel> opened = new ArrayList<>();

    StoppedProcess(AddressSpace space, Path file) {
        this.space = space;
        this.file = file;
    }

    @Override
    public int pid() {
        return PID;
    }

    @Override
    public AddressSpace space() {
        return space;
    }

    /** Returns bytes, some of which must be escaped. */
    @Override
    public byte[] auxiliary() {
        return "\0#$}*\u00ff\3 of a stopped process".getBytes(StandardCharsets.ISO_8859_1);
    }

    @Override
    public String program() {
        return "/bin/\u00e4#$}*";
    }

    @Override
    public byte @Nullable [] procFile(String path) {
        return path.equals("/proc/self/maps") ? auxiliary() : null;
    }

    @Override
    public @Nullable FileChannel openHostFile(String path) throws IOException {
        if (!path.equals("/file")) {
            return null;
        }
        FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
        opened.add(channel);
        return channel;
    }

    /** Returns whether the session closed all files that it opened. */
    boolean isClosed() {
        return opened.stream().noneMatch(FileChannel::isOpen);
    }

    @Override
    public void kill() {
        // Nothing to do: the session ends, too.
    }

    @Override
    public void send(int signal) {
        throw new AssertionError("signal " + signal + " to the process");
    }
}
