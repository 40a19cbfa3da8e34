// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.emulator.linux.abi.GuestText;
import dev.samara.emulator.linux.signal.SignalInfo;
import java.io.PrintWriter;
import java.util.Locale;

/** What the emulator writes for a person while the guest runs. Thread-safe. */
public final class GuestReports {
    private final PrintWriter out;
    private final boolean showsMaps;

    /**
     * Makes reports.
     *
     * @param out where they are written
     * @param showsMaps whether the mappings of a process are written at its end
     */
    public GuestReports(PrintWriter out, boolean showsMaps) {
        this.out = out;
        this.showsMaps = showsMaps;
    }

    /** Writes a line. */
    public void complain(String line) {
        synchronized (out) {
            out.println("samara: " + line);
            out.flush();
        }
    }

    /** Tells of a part of the emulator that has failed: the guest goes on. */
    public void failed(String what, Throwable failure) {
        complain(what + ": " + failure);
        synchronized (out) {
            // Where the emulator writes, for a report of its fault: the guest goes on.
            failure.printStackTrace(out);
            out.flush();
        }
    }

    /** Tells of a fault that ends the first process. */
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

    /** Shows the mappings of a process that ends, if that is wanted. */
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
