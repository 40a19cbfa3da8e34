// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.debug;

import dev.samara.core.AddressSpace;
import java.io.IOException;
import java.nio.channels.FileChannel;
import org.jspecify.annotations.Nullable;

/** A debugged process, as its debugger sees it. All methods may be called by any thread. */
public interface DebuggedProcess {
    /**
     * Returns the PID of the process.
     *
     * @return its PID
     */
    int pid();

    /**
     * Returns the memory of the process.
     *
     * @return its space, which an execve replaces; closed when the process has ended
     */
    AddressSpace space();

    /**
     * Returns the auxiliary vector.
     *
     * @return a copy of its bytes
     */
    byte[] auxiliary();

    /**
     * Returns the program that the process executes.
     *
     * @return its path in the guest's file system
     */
    String program();

    /**
     * Returns the bytes of a file in the directory of the process in {@code /proc}.
     *
     * @param path the path, with {@code self} or the PID of the process
     * @return the bytes; null if there is no such file
     */
    byte @Nullable [] procFile(String path);

    /**
     * Opens a host file that the guest may read.
     *
     * @param path the absolute path in the guest's file system
     * @return a regular host file, open for reading; null if there is none
     * @throws IOException if the host cannot open it
     */
    @Nullable
    FileChannel openHostFile(String path) throws IOException;

    /** Ends the process by SIGKILL. */
    void kill();

    /**
     * Sends a signal to the process, as {@code kill} does.
     *
     * @param signal the number of the signal
     */
    void send(int signal);
}
