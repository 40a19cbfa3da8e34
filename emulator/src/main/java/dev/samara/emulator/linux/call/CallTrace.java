// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.linux.abi.LinuxCall;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.process.GuestThread;
import java.io.PrintWriter;
import java.util.Locale;

/** Prints each system call with its arguments and its result ({@code --strace}). Thread-safe. */
public final class CallTrace {
    private static final int ARGUMENTS = 6;

    private final PrintWriter out;

    public CallTrace(PrintWriter out) {
        this.out = out;
    }

    private void print(String line) {
        synchronized (out) {
            out.println(line);
            out.flush();
        }
    }

    void begins(GuestThread thread, int number) {
        StringBuilder line = new StringBuilder();
        line.append(thread.tid()).append(' ').append(LinuxCall.nameOf(number)).append('(');
        for (int i = 0; i < ARGUMENTS; i++) {
            line.append(i == 0 ? "0x" : ", 0x").append(Long.toHexString(thread.hart().x[Hart.A0 + i]));
        }
        print(line.append(')').toString());
    }

    void ends(GuestThread thread, int number, long result) {
        String shown = LinuxErrno.isError(result) ? Long.toString(result) : "0x" + Long.toHexString(result);
        print(String.format(Locale.ROOT, "%d %s = %s", thread.tid(), LinuxCall.nameOf(number), shown));
    }
}
