// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux;

import dev.samara.core.AddressSpace;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** The process that has a debugger, as that sees it. All methods are for any thread. */
public final class DebuggedProcess {
    private final GuestProcess process;

    DebuggedProcess(GuestProcess process) {
        this.process = process;
    }

    /**
     * Returns the number of the process.
     *
     * @return its number
     */
    public int pid() {
        return process.pid();
    }

    /**
     * Returns the memory of the process.
     *
     * @return its space, another one after an execve; closed when the process has ended
     */
    public AddressSpace space() {
        return process.memory().space();
    }

    /**
     * Returns the auxiliary vector.
     *
     * @return a copy of its bytes
     */
    public byte[] auxiliary() {
        return process.memory().auxiliary();
    }

    /**
     * Returns the program that the process executes.
     *
     * @return its path in the guest's file system
     */
    public String program() {
        return process.program().path();
    }

    /**
     * Returns the bytes of a file that the process has in {@code /proc}.
     *
     * @param path the path, with {@code self} or the number of the process
     * @return the bytes; null if there is no such file
     */
    public byte @Nullable [] procFile(String path) {
        String own = ProcFiles.own(process, path);
        return own == null ? null : ProcFiles.bytes(process, own);
    }

    /**
     * Returns where the host has a file that the guest may read.
     *
     * @param path the absolute path in the guest's file system
     * @return the path of a regular file of the host; null if there is none
     */
    public @Nullable Path hostFile(String path) {
        Path host = process.emulation().root().resolve("/", path, true).host();
        return host != null && Files.isRegularFile(host) ? host : null;
    }

    /** Ends the process by SIGKILL. */
    public void kill() {
        process.exit(WaitStatus.killed(SignalInfo.KILL));
    }

    /**
     * Sends a signal to the process, as {@code kill} does.
     *
     * @param signal its number
     */
    public void send(int signal) {
        SignalDelivery.send(process, SignalInfo.sent(signal, SignalInfo.SI_USER, 0));
    }
}
