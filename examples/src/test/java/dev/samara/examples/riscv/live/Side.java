// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.live;

import dev.samara.testing.judge.Judge;
import java.io.IOException;
import java.nio.file.Path;

/** A judge that makes scripts: that of the kernel, or that of the emulator. */
interface Side extends AutoCloseable {
    Architecture architecture();

    Judge judge();

    /** Returns the folder of the host in which scripts have their folders. */
    Path folder();

    /** Returns the path of that folder, as scripts see it, with a slash at the end. */
    String base();

    /** Returns the user that scripts are. */
    int user();

    /** Ends a process of a script that hangs. */
    void kill(long process);

    /** Returns a text of what went wrong in the emulator itself; empty if nothing did. */
    String complaints();

    @Override
    void close() throws IOException;
}
