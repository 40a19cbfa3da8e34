// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.interleave.sweep.FailureKinds.Action;
import dev.samara.core.interleave.sweep.FailureKinds.Kind;
import dev.samara.core.interleave.sweep.FailureKinds.Needs;

/**
 * The operations of {@link FailureKinds} whose thread ends without another call: in GUEST, after a callback that threw,
 * as the owner of a page table context, or LAZY.
 */
final class EndingCalls {
    private static final long START = FailureScene.START;
    private static final long DEVICE = FailureScene.DEVICE;

    private EndingCalls() {}

    static void addTo() {
        inGuest("ends-in-guest", new Kind((scene, label, cpu) -> SpaceScenario.store(cpu, START, 0x71)));
        inGuest(
                "ends-copying",
                new Kind((scene, label, cpu) -> SpaceScenario.store(cpu, START, 0x72))
                        .after((scene, cpu) -> scene.state.children.put("child", scene.state.space.fork())));
        inGuest("ends-in-fault", new Kind((scene, label, cpu) -> SpaceScenario.load(cpu, DEVICE)).with(Needs.DEVICE));
        inGuest(
                "ends-in-notice",
                new Kind((scene, label, cpu) -> SpaceScenario.store(cpu, DEVICE, 0x73)).with(Needs.DEVICE));
        add("ends-outside", (scene, label, cpu) -> SpaceScenario.store(cpu, START + SpaceScenario.PAGE, 0x74));
        add("ends-lazy", (scene, label, cpu) -> {
            cpu.enterLazy();
            return "lazy";
        });
        add("ends-unmapping", (scene, label, cpu) -> scene.state.space.munmap(START, FailureScene.LENGTH));
        FailureKinds.add(
                "ends-told",
                new Kind((scene, label, cpu) -> scene.state.space.munmap(START, FailureScene.LENGTH))
                        .after((scene, cpu) ->
                                scene.register(scene.state.space.addNotifier((start, end, reason) -> {})))
                        .ending());
    }

    private static void add(String name, Action action) {
        FailureKinds.add(name, new Kind(action).ending());
    }

    /** Adds a kind whose CPU is in GUEST, with a translation, before and after the operation. */
    private static void inGuest(String name, Kind kind) {
        FailureKinds.add(name, kind.behind(FailureKinds.IN_GUEST).ending());
    }
}
