// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.core.mman.Fault;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.cpu.RiscvInterpreter.LeaveReason;
import dev.samara.emulator.linux.signal.SignalDelivery;
import dev.samara.emulator.linux.signal.SignalInfo;

/** Handles traps, i.e. instructions and accesses that the interpreter cannot complete by itself. */
final class GuestTraps {
    private static final int ILL_ILLOPC = 1;
    private static final int TRAP_BRKPT = 1;

    private GuestTraps() {}

    /**
     * Handles the reason for which a thread stopped. The thread is outside GUEST.
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
                // For ATTENTION and DEBUGGER, the loop of the thread checks what must be done.
            }
        }
    }

    private static void fault(GuestThread thread) {
        Hart hart = thread.hart();
        GuestProcess process = thread.process();
        int kind = hart.faultKind();
        if (kind == Fault.OUT_OF_MEMORY) {
            process.system().shortage().await(thread);
            return;
        }
        if (thread.mustEnd()) {
            // The fault may be due to the end, because the machine may have taken pages from the process.
            return;
        }
        process.system().counts().fault(kind);
        SignalDelivery.force(thread, SignalInfo.ofFault(Fault.signal(kind), Fault.siCode(kind), hart.faultAddress()));
    }
}
