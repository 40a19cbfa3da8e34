// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.emulator.linux.abi.GuestText;
import dev.samara.emulator.linux.signal.SignalInfo;
import java.io.PrintWriter;
import java.util.Locale;

/** The messages that the emulator prints for its user while the guest runs. Thread-safe. */
public final class GuestReports {
    private final PrintWriter out;
    private final boolean showsMaps;

    /**
     * Creates the reports.
     *
     * @param out where the messages are printed
     * @param showsMaps whether the mappings of a process are printed when it ends
     */
    public GuestReports(PrintWriter out, boolean showsMaps) {
        this.out = out;
        this.showsMaps = showsMaps;
    }

    /** Prints a line. */
    public void complain(String line) {
        synchronized (out) {
            out.println("samara: " + line);
            out.flush();
        }
    }

    /** Reports that a part of the emulator failed. The guest continues. */
    public void failed(String what, Throwable failure) {
        complain(what + ": " + failure);
        synchronized (out) {
            // Prints the stack trace, so that a user can report the emulator's fault. The guest continues.
            failure.printStackTrace(out);
            out.flush();
        }
    }

    /** Reports a fault that ends the first process. */
    void killedBy(GuestThread thread, SignalInfo info) {
        if (info.isFault() && thread.process().pid() == ProcessTree.FIRST_PID) {
            complain(String.format(
                    Locale.ROOT,
                    "process %d ends by signal %d, code %d, address 0x%x, pc 0x%x",
                    thread.process().pid(),
                    info.signal(),
                    info.code(),
                    info.address(),
                    thread.hart().pc));
        }
    }

    void outOfMemory(int pid) {
        complain("process " + pid + " is killed: there is no memory left");
    }

    void broken(int tid, Throwable failure) {
        failed("thread " + tid + " of the emulator fails", failure);
    }

    /** Prints the mappings of a process that is about to end, if this was requested. */
    void ending(GuestProcess process) {
        if (showsMaps) {
            complain("mappings of process " + process.pid() + " at its end:");
            synchronized (out) {
                new MappingTexts(process).maps().forEach(line -> out.println(GuestText.shown(line)));
                out.flush();
            }
        }
    }
}
