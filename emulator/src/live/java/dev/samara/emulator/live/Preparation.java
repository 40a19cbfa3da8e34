// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import dev.samara.testing.judge.Task;
import java.util.ArrayList;
import java.util.List;

/** What a judge does before its first script, so that both sides start with the same memory, signals and limits. */
final class Preparation {
    /** An alternate stack at the same address on both sides. */
    private static final long ALTERNATE = 0x1040_0000L;

    private static final int ALTERNATE_BYTES = 0x4000;

    private Preparation() {}

    /** Prepares a judge that just started. */
    static void of(Side side) {
        Task first = side.judge().first();
        List<String> requests = new ArrayList<>();
        Architecture on = side.architecture();
        requests.add(Task.callRequest(JudgedCall.CLOSE.number(on), 2));
        requests.add(Task.callRequest(JudgedCall.UMASK.number(on), 022));
        requests.add(Task.callRequest(JudgedCall.SETSID.number(on)));
        int map = JudgedCall.MMAP.number(on);
        requests.add(Task.callRequest(map, Placement.ARGUMENTS, Placement.ARGUMENT_BYTES, 3, 0x32, -1, 0));
        requests.add(Task.callRequest(map, Placement.EDGE_END - 0x1000, 0x1000, 3, 0x32, -1, 0));
        requests.add(Task.callRequest(map, Placement.READ_ONLY, 0x1000, 1, 0x32, -1, 0));
        requests.add(Task.callRequest(map, Placement.BIG, Placement.BIG_BYTES, 3, 0x32, -1, 0));
        requests.add(Task.callRequest(map, ALTERNATE, ALTERNATE_BYTES, 3, 0x32, -1, 0));
        requests.add(
                "p " + Long.toHexString(Placement.ARGUMENTS) + " 000040100000000000000000000000000040000000000000");
        requests.add(Task.callRequest(JudgedCall.SIGALTSTACK.number(on), Placement.ARGUMENTS, 0));
        // Resets the ignored signals and the limits that were inherited from the test's process.
        requests.add("m " + Long.toHexString(Placement.ARGUMENTS) + " 40 0");
        requests.add("p " + Long.toHexString(Placement.ARGUMENTS) + " " + "00".repeat(32));
        requests.add(Task.callRequest(JudgedCall.RT_SIGPROCMASK.number(on), 2, Placement.ARGUMENTS, 0, 8));
        for (int signal = 1; signal <= 64; signal++) {
            if (signal != 7 && signal != 9 && signal != 11 && signal != 19) {
                requests.add(Task.callRequest(JudgedCall.RT_SIGACTION.number(on), signal, Placement.ARGUMENTS, 0, 8));
            }
        }
        requests.add("p " + Long.toHexString(Placement.ARGUMENTS) + " 00040000000000000004000000000000");
        requests.add(Task.callRequest(JudgedCall.PRLIMIT64.number(on), 0, 7, Placement.ARGUMENTS, 0));
        requests.add("p " + Long.toHexString(Placement.ARGUMENTS) + " 0000000000000000ffffffffffffffff");
        requests.add(Task.callRequest(JudgedCall.PRLIMIT64.number(on), 0, 4, Placement.ARGUMENTS, 0));
        first.askAll(requests);
    }
}
