// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.core.AddressSpace;
import dev.samara.emulator.linux.debug.DebuggedProcess;
import dev.samara.emulator.linux.signal.SignalDelivery;
import dev.samara.emulator.linux.signal.SignalInfo;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A process as its debugger sees it. */
final class ProcessView implements DebuggedProcess {
    private final GuestProcess process;

    ProcessView(GuestProcess process) {
        this.process = process;
    }

    @Override
    public int pid() {
        return process.pid();
    }

    @Override
    public AddressSpace space() {
        return process.memory().space();
    }

    @Override
    public byte[] auxiliary() {
        return process.memory().auxiliary();
    }

    @Override
    public String program() {
        return process.program().path();
    }

    @Override
    public byte @Nullable [] procFile(String path) {
        String own = ProcFiles.own(process, path);
        return own == null ? null : ProcFiles.bytesOrNull(process, own);
    }

    @Override
    public @Nullable FileChannel openHostFile(String path) throws IOException {
        synchronized (process.system().names()) {
            Path host = process.system().root().resolve("/", path, true).host();
            return host != null && Files.isRegularFile(host) && Files.isReadable(host) ? FileChannel.open(host) : null;
        }
    }

    @Override
    public void kill() {
        process.kill(SignalInfo.KILL);
    }

    @Override
    public void send(int signal) {
        SignalDelivery.send(process, SignalInfo.sent(signal, SignalInfo.SI_USER, 0, 0));
    }
}
