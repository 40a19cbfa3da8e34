// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import java.util.HashMap;
import java.util.Map;

/** The packets that resume the guest: {@code vCont}, and the older {@code c}, {@code C}, {@code s}, ... */
final class ResumeCommands {
    private static final int MOST_SIGNAL = 0xff;

    private final ClientThreads threads;
    private final ClientState client;

    ResumeCommands(ClientThreads threads, ClientState client) {
        this.threads = threads;
        this.client = client;
    }

    private static ResumeAction action(PacketFields fields) throws BadPacketException {
        char kind = fields.next();
        int signal = kind == 'C' || kind == 'S' ? GdbSignals.toLinux(fields.hex(MOST_SIGNAL)) : 0;
        return switch (kind) {
            case 'c', 'C' -> new ResumeAction(ResumeAction.Kind.CONTINUE, signal);
            case 's', 'S' -> new ResumeAction(ResumeAction.Kind.STEP, signal);
            default -> throw new BadPacketException();
        };
    }

    /** {@code vCont;ACTION[:THREAD]...}: the first action that matches a thread applies. */
    void some(PacketFields fields) throws BadPacketException {
        Map<Integer, ResumeAction> byTid = new HashMap<>();
        ResumeAction others = ResumeAction.STAY;
        boolean hasOthers = false;
        while (!fields.isAtEnd()) {
            fields.expect(';');
            ResumeAction action = action(fields);
            int tid = fields.take(':') ? fields.thread() : PacketFields.ALL;
            if (tid == PacketFields.ALL) {
                others = hasOthers ? others : action;
                hasOthers = true;
            } else if (!hasOthers) {
                byTid.putIfAbsent(tid == 0 ? client.selectedThread() : tid, action);
            }
        }
        if (!hasOthers && byTid.keySet().stream().noneMatch(threads::has)) {
            throw new BadPacketException();
        }
        threads.resume(byTid, others);
    }

    /**
     * Applies a signal or step to the selected thread, which by default is the thread that caused the stop. All other
     * threads continue.
     */
    void all(PacketFields fields, char kind) throws BadPacketException {
        ResumeAction action = action(fields);
        boolean hasSignal = kind == 'C' || kind == 'S';
        if (!fields.isAtEnd()) {
            if (hasSignal) {
                fields.expect(';');
            }
            long pc = fields.hex();
            fields.expectEnd();
            if (!threads.setRegister(client.selectedThread(), RegisterSet.PC, pc)) {
                throw new BadPacketException();
            }
        }
        threads.resume(Map.of(client.selectedThread(), action), ResumeAction.CONTINUE);
    }
}
