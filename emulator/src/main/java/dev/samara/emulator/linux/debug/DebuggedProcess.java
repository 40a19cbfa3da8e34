// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.debug;

import dev.samara.core.AddressSpace;
import java.io.IOException;
import java.nio.channels.FileChannel;
import org.jspecify.annotations.Nullable;

/** The process that has a debugger, as that sees it. All methods are for any thread. */
public interface DebuggedProcess {
    /**
     * Returns the number of the process.
     *
     * @return its number
     */
    int pid();

    /**
     * Returns the memory of the process.
     *
     * @return its space, another one after an execve; closed when the process has ended
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
     * Returns the bytes of a file that the process has in {@code /proc}.
     *
     * @param path the path, with {@code self} or the number of the process
     * @return the bytes; null if there is no such file
     */
    byte @Nullable [] procFile(String path);

    /**
     * Opens a file of the host that the guest may read.
     *
     * @param path the absolute path in the guest's file system
     * @return a regular file of the host, open for reads; null if there is none
     * @throws IOException if the host cannot open it
     */
    @Nullable
    FileChannel openHostFile(String path) throws IOException;

    /** Ends the process by SIGKILL. */
    void kill();

    /**
     * Sends a signal to the process, as {@code kill} does.
     *
     * @param signal its number
     */
    void send(int signal);
}
