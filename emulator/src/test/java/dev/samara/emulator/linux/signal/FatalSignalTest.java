// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.emulator.linux.signal.PendingSignals.SignalInfo;
import dev.samara.emulator.linux.signal.SignalActions.SignalMask;
import dev.samara.emulator.linux.signal.SignalDelivery.SignalProcess;
import dev.samara.emulator.linux.signal.SignalDelivery.SignalThread;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A signal that ends a process by default, sent to a thread of it,")
final class FatalSignalTest {
    private static final int TERM = 15;

    private final SignalActions actions = new SignalActions();
    private final PendingSignals pending = new PendingSignals(new Semaphore(8));
    private final SignalMask mask = new SignalMask(0);
    private final List<Object> killed = new ArrayList<>();
    private boolean isDebugged;

    private final SignalProcess process = fake(SignalProcess.class, "kill");
    private final SignalThread thread = fake(SignalThread.class, "wake");

    /** Creates an object that returns what the sending of a signal needs, and records the arguments of {@code kill}. */
    private <T> T fake(Class<T> type, String other) {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (self, method, given) -> {
            if (method.getName().equals("kill")) {
                killed.add(given[0]);
                return null;
            }
            Map<String, Object> answers = Map.of(
                    "signals", actions.lock,
                    "actions", actions,
                    "pending", pending,
                    "mask", mask,
                    "isDebugged", isDebugged);
            if (method.getName().equals(other)) {
                return null;
            }
            return method.getName().equals("process") ? process : answers.get(method.getName());
        }));
    }

    private void send(int signal) {
        assertEquals(0, SignalDelivery.send(thread, SignalInfo.sent(signal, SignalInfo.SI_USER, 1, 1)));
    }

    @Test
    @DisplayName("ends it at once")
    void atOnce() {
        send(TERM);
        assertEquals(List.of(TERM), killed);
    }

    @Test
    @DisplayName(
            "waits for the thread if that writes a core, if it has a handler, is blocked, or belongs to a debugger")
    void later() {
        send(SignalInfo.SEGV);
        isDebugged = true;
        send(TERM);
        isDebugged = false;
        mask.set(SignalInfo.bit(TERM));
        send(TERM);
        mask.set(0);
        actions.set(TERM, 0x1000, 0, 0);
        send(TERM);
        assertEquals(List.of(), killed);
    }
}
