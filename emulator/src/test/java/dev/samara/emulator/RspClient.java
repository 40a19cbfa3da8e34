// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.concurrent.TimeUnit;

/** A client of gdb's remote serial protocol. If an answer does not arrive, the test fails. */
final class RspClient implements AutoCloseable {
    private static final int SECONDS = 20;
    private static final int HEX = 16;
    private static final int PC = 32;

    private final Socket socket;
    private final InputStream in;
    private final OutputStream out;

    RspClient(int port) throws IOException {
        socket = new Socket(InetAddress.getLoopbackAddress(), port);
        socket.setSoTimeout((int) TimeUnit.SECONDS.toMillis(SECONDS));
        in = new BufferedInputStream(socket.getInputStream());
        out = socket.getOutputStream();
    }

    /** Sends characters as bytes. */
    void raw(String text) throws IOException {
        out.write(text.getBytes(StandardCharsets.ISO_8859_1));
        out.flush();
    }

    static String frame(String text) {
        int sum = text.chars().sum();
        return "$" + text + "#" + HexFormat.of().toHexDigits((byte) sum);
    }

    void send(String text) throws IOException {
        raw(frame(text));
    }

    /** Returns the next byte; -1 if the server closed the connection. */
    int next() throws IOException {
        return in.read();
    }

    /** Returns the next packet and skips acknowledgements; returns "closed" if the server closed the connection. */
    String receive() throws IOException {
        int next = in.read();
        while (next == '+') {
            next = in.read();
        }
        if (next < 0) {
            return "closed";
        }
        if (next != '$') {
            return String.valueOf((char) next);
        }
        StringBuilder text = new StringBuilder();
        int sum = 0;
        for (next = in.read(); next != '#'; next = in.read()) {
            if (next < 0) {
                return "closed";
            }
            sum += next;
            text.append((char) next);
        }
        int given = Character.digit(in.read(), HEX) * HEX + Character.digit(in.read(), HEX);
        if (given != (sum & 0xff)) {
            throw new IOException("the sum of " + text + " is wrong");
        }
        return text.toString();
    }

    String ask(String text) throws IOException {
        send(text);
        return receive();
    }

    private static long number(String hex) {
        return ByteBuffer.wrap(HexFormat.of().parseHex(hex))
                .order(ByteOrder.LITTLE_ENDIAN)
                .getLong();
    }

    private static String hex(long value) {
        return HexFormat.of().toHexDigits(Long.reverseBytes(value));
    }

    long register(int number) throws IOException {
        return number(ask("p" + Integer.toHexString(number)));
    }

    long pc() throws IOException {
        return register(PC);
    }

    String setRegister(int number, long value) throws IOException {
        return ask("P" + Integer.toHexString(number) + "=" + hex(value));
    }

    long memory(long address) throws IOException {
        return number(ask("m" + Long.toHexString(address) + ",8"));
    }

    String setMemory(long address, long value) throws IOException {
        return ask("M" + Long.toHexString(address) + ",8:" + hex(value));
    }

    String point(String packet, long address, int length) throws IOException {
        return ask(packet + "," + Long.toHexString(address) + "," + length);
    }

    void interrupt() throws IOException {
        raw("\3");
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
