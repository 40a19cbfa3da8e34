// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.core.mman.Fault;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.cpu.LeaveReason;
import dev.samara.emulator.linux.signal.SignalDelivery;
import dev.samara.emulator.linux.signal.SignalInfo;

/** What comes of a trap: an instruction or an access that the interpreter leaves to the system. */
final class GuestTraps {
    private static final int ILL_ILLOPC = 1;
    private static final int TRAP_BRKPT = 1;

    private GuestTraps() {}

    /**
     * Handles what has stopped a thread, which is outside GUEST.
     *
     * @param reason a {@link LeaveReason}
     */
    static void handle(GuestThread thread, int reason) {
        Hart hart = thread.hart();
        switch (reason) {
            case LeaveReason.SYSTEM_CALL -> thread.calls().execute();
            case LeaveReason.FAULT -> fault(thread);
            case LeaveReason.ILLEGAL ->
                SignalDelivery.force(thread, SignalInfo.ofFault(SignalInfo.ILL, ILL_ILLOPC, hart.pc));
            case LeaveReason.BREAKPOINT ->
                SignalDelivery.force(thread, SignalInfo.ofFault(SignalInfo.TRAP, TRAP_BRKPT, hart.pc));
            default -> {
                // ATTENTION, DEBUGGER: the loop looks for what is to be done.
            }
        }
    }

    private static void fault(GuestThread thread) {
        Hart hart = thread.hart();
        GuestProcess process = thread.process();
        int kind = hart.faultKind();
        if (kind == Fault.OUT_OF_MEMORY) {
            process.system().reports().outOfMemory(process.pid());
            process.kill(SignalInfo.KILL);
            return;
        }
        process.system().counts().fault(kind);
        SignalDelivery.force(thread, SignalInfo.ofFault(Fault.signal(kind), Fault.siCode(kind), hart.faultAddress()));
    }
}
