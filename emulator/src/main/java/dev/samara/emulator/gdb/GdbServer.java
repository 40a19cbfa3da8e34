// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import dev.samara.emulator.gdb.GdbPacket.PacketReader;
import dev.samara.emulator.gdb.GdbPacket.PacketWriter;
import dev.samara.emulator.linux.debug.Debugger;
import java.io.IOException;
import java.io.InputStream;
import java.io.PushbackInputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import org.jspecify.annotations.Nullable;

/**
 * Listens for gdb on the loopback address, and serves one client at a time. The guest waits at its first instruction
 * for the first client. When a client disconnects, for any reason, the guest continues without breakpoints. Another
 * client may connect, which stops the guest again.
 *
 * <p>Anyone who can connect to the port controls the guest, and can read everything that the guest can read.
 */
public final class GdbServer implements AutoCloseable {
    /** How long the end of the guest waits for a client that does not read. */
    private static final long GRACE_MILLIS = 1000;

    private static final int BACKLOG = 1;

    private final ServerSocket listening;
    private final StopControl control = new StopControl(this::notice);
    private final Thread thread = new Thread(this::serve, "gdb server");

    /**
     * Written: the server's thread (volatile).
     * Read: threads of the guest that have something to report (volatile).
     * Invariant: the inbox of the present client's session; a notice that finds none is not lost, because a session
     *     first waits until the guest has stopped, and then checks whether it has ended.
     */
    private volatile @Nullable SessionInbox inbox;

    /**
     * Words: {@code client}, {@code isClosed}.
     * Written: the server's thread writes {@code client}, the thread that closes the server writes {@code isClosed}
     *     (volatile).
     * Read: the thread that closes the server, and the server's thread (volatile).
     * Invariant: {@code isClosed} stays set, and is set before the port is closed; {@code client} is the last
     *     connection.
     */
    private volatile @Nullable Socket client;

    private volatile boolean isClosed;

    private GdbServer(ServerSocket listening) {
        this.listening = listening;
    }

    /**
     * Starts to listen, on the loopback address only.
     *
     * @param port the port, 0 for any free one
     * @return the server, which the caller must close after the guest has ended
     * @throws IOException if this fails, e.g. because the port is in use
     */
    public static GdbServer listen(int port) throws IOException {
        GdbServer server = new GdbServer(new ServerSocket(port, BACKLOG, InetAddress.getLoopbackAddress()));
        server.thread.setDaemon(true);
        server.thread.start();
        return server;
    }

    /**
     * Returns the port to which a client can connect.
     *
     * @return the port
     */
    public int port() {
        return listening.getLocalPort();
    }

    /**
     * Returns the debugger that controls the guest's threads.
     *
     * @return the debugger, for one emulation
     */
    public Debugger debugger() {
        return control;
    }

    private void notice() {
        SessionInbox noticed = inbox;
        if (noticed != null) {
            noticed.notice();
        }
    }

    private void serve() {
        // The port is closed even after a failure, because a client that connects would wait for a reply.
        try (listening) {
            boolean isFirst = true;
            while (!isClosed && !control.hasExited()) {
                isFirst &= !serveNext(listening.accept(), isFirst);
            }
        } catch (IOException closed) {
            // The server ends, because no client can connect any more.
        } catch (InterruptedException ended) {
            // The server ends, as after an IOException.
        } finally {
            control.detach();
        }
    }

    /**
     * Serves a client. Returns false if it does not use gdb's protocol, e.g. because a web page sends a form to this
     * port.
     */
    private boolean serveNext(Socket accepted, boolean isFirst) throws InterruptedException {
        try (Socket socket = accepted) {
            client = socket;
            socket.setTcpNoDelay(true);
            PushbackInputStream in = new PushbackInputStream(socket.getInputStream());
            int first = in.read();
            if (first >= 0 && !PacketReader.mayBegin(first)) {
                return false;
            }
            if (first >= 0) {
                in.unread(first);
            }
            serve(socket, in, isFirst);
        } catch (IOException gone) {
            // The client disconnected, and the guest continues without it.
        }
        control.detach();
        return true;
    }

    private void serve(Socket socket, InputStream in, boolean isFirst) throws IOException, InterruptedException {
        SessionInbox own = new SessionInbox();
        PacketReader reader = new PacketReader(in);
        PacketWriter writer = new PacketWriter(socket.getOutputStream());
        Thread reading = new Thread(() -> read(reader, own), "gdb reader");
        reading.setDaemon(true);
        inbox = own;
        try {
            control.attach();
            reading.start();
            new GdbSession(control, own, writer, isFirst).run();
            socket.shutdownOutput();
        } finally {
            inbox = null;
            own.close();
            socket.close();
        }
        reading.join();
    }

    private static void read(PacketReader reader, SessionInbox inbox) {
        try {
            for (; ; ) {
                GdbPacket packet = reader.read();
                if (!inbox.put(packet) || packet.kind() == GdbPacket.Kind.CLOSED) {
                    return;
                }
            }
        } catch (InterruptedException ended) {
            // The session ended, so the rest of the client's data is not needed.
        }
    }

    /**
     * Stops listening, and closes the connection to a client. The last packet, which reports the end of the guest, is
     * still sent, unless the client does not read for a second or the calling thread is interrupted.
     */
    @Override
    public void close() throws IOException {
        isClosed = true;
        listening.close();
        boolean isInterrupted = !waitsForThread();
        Socket left = client;
        if (left != null) {
            left.close();
        }
        thread.interrupt();
        if (isInterrupted || !waitsForThread()) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Waits up to {@link #GRACE_MILLIS} ms until the server's thread ends; returns false if the calling thread is
     * interrupted.
     */
    private boolean waitsForThread() {
        try {
            thread.join(GRACE_MILLIS);
            return true;
        } catch (InterruptedException ended) {
            return false;
        }
    }

    /**
     * The events for which a session waits: one packet at a time, and notices from the guest. The reader waits until
     * its packet is taken, so a client that sends endlessly cannot fill the memory. A notice never waits.
     */
    static final class SessionInbox {
        private @Nullable GdbPacket packet;
        private boolean hasNotice;
        private boolean isClosed;

        SessionInbox() {}

        /** Waits until the inbox contains no packet, then puts one. Returns false if the session has ended. */
        synchronized boolean put(GdbPacket next) throws InterruptedException {
            while (packet != null && !isClosed) {
                wait();
            }
            packet = next;
            notifyAll();
            return !isClosed;
        }

        synchronized void notice() {
            hasNotice = true;
            notifyAll();
        }

        /** Waits for a packet or a notice, and takes it. Returns null for a notice. */
        synchronized @Nullable GdbPacket take() throws InterruptedException {
            while (packet == null && !hasNotice) {
                wait();
            }
            if (hasNotice) {
                hasNotice = false;
                return null;
            }
            GdbPacket taken = packet;
            packet = null;
            notifyAll();
            return taken;
        }

        synchronized void close() {
            isClosed = true;
            notifyAll();
        }
    }
}
